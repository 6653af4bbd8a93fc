package allowedregistries

import data.lib.images
import data.lib.pods

violation[{"msg": msg}] {
	found := pods.judged[_]
	not allowed(images.full(found.container.image))
	msg := sprintf("%v: image %v comes from a registry that is not allowed here; use one from %v, or have yours added to policies.registries of the site", [
		pods.named(found),
		found.container.image,
		concat(", ", input.parameters.registries),
	])
}

allowed(image) {
	startswith(image, input.parameters.registries[_])
}
