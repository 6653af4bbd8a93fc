package limitsrequired

import data.lib.pods

violation[{"msg": msg}] {
	found := pods.judged[_]
	found.list != "ephemeralContainers" # they cannot have resources
	kind := ["limits", "requests"][_]
	missing := [name | name := input.parameters[kind][_]; not given(found.container, kind, name)]
	count(missing) > 0
	wanted := concat(", ", [sprintf("%v: …", [name]) | name := missing[_]])
	msg := sprintf("%v: no %v of %v; write resources.%v: {%v}", [pods.named(found), trim_suffix(kind, "s"), concat(" and ", missing), kind, wanted])
}

# A request that is not there is its limit.
given(container, kind, name) {
	container.resources[kind][name]
}

given(container, "requests", name) {
	container.resources.limits[name]
}
