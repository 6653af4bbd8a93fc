package lib.objects

# The object under review, as every message begins: "Deployment shop/cart".
here = text {
	obj := input.review.object
	text := sprintf("%v %v", [obj.kind, concat("/", [part | part := [namespace(obj), name(obj)][_]; part != ""])])
}

namespace(obj) = object.get(obj.metadata, "namespace", "")

# A pod that a controller makes is judged before the API server has completed its name.
name(obj) = object.get(obj.metadata, "name", concat("", [object.get(obj.metadata, "generateName", ""), "*"]))
