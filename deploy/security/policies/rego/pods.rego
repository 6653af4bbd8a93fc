package lib.pods

import data.lib.objects

# The specification of the pods that an object is, or makes.
spec(obj) = obj.spec {
	obj.kind == "Pod"
}

spec(obj) = obj.spec.template.spec

spec(obj) = obj.spec.jobTemplate.spec.template.spec

# The containers to judge: all of them, each with the list that it stands in. An update is judged by what it adds or
# changes: what ran before a policy came must stay scalable, and its finalizers removable, or it could never be replaced.
# The audit, which knows no old object, names it meanwhile.
judged[found] {
	not deleted
	list := ["containers", "initContainers", "ephemeralContainers"][_]
	container := spec(input.review.object)[list][_]
	not unchanged(list, container)
	found := {"list": list, "container": container}
}

deleted {
	input.review.operation == "DELETE"
}

unchanged(list, container) {
	input.review.operation == "UPDATE"
	spec(input.review.oldObject)[list][_] == container
}

# The object and its container: "Deployment shop/cart, init container fetch".
named(found) = text {
	kinds := {"containers": "container", "initContainers": "init container", "ephemeralContainers": "ephemeral container"}
	text := sprintf("%v, %v %v", [objects.here, kinds[found.list], found.container.name])
}
