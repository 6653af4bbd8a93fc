package requiredlabels

import data.lib.objects

violation[{"msg": msg}] {
	not deleted
	label := input.parameters.labels[_]
	place := places(input.review.object)[_]
	not good(place, label)
	not was_so(place, label)
	msg := sprintf("%v: %v; write %v.labels[%q], such as %v", [objects.here, fault(place, label), place.path, label.key, label.example])
}

deleted {
	input.review.operation == "DELETE"
}

# An object's own labels, and those of the pods that it makes: metrics, logs and network policies go by the latter.
places(obj) = found {
	spec := object.get(obj, "spec", {})
	own := {"path": "metadata", "labels": object.get(obj.metadata, "labels", {})}
	job := object.get(spec, ["jobTemplate", "spec"], {})
	pods := array.concat(template("spec.template", spec), template("spec.jobTemplate.spec.template", job))
	found := array.concat([own], pods)
}

template(path, maker) = [place |
	labels := object.get(maker.template, ["metadata", "labels"], {})
	place := {"path": sprintf("%v.metadata", [path]), "labels": labels}
]

good(place, label) {
	regex.match(sprintf("^(%v)$", [label.allowedValues]), place.labels[label.key])
}

# What was there before the policy came may be changed otherwise without the label; the audit names it meanwhile.
was_so(place, label) {
	input.review.operation == "UPDATE"
	old := places(input.review.oldObject)[_]
	old.path == place.path
	not good(old, label)
}

fault(place, label) = text {
	value := place.labels[label.key]
	text := sprintf("label %v is %q, which %v does not match", [label.key, value, label.allowedValues])
}

fault(place, label) = text {
	not place.labels[label.key]
	text := sprintf("label %v is missing", [label.key])
}
