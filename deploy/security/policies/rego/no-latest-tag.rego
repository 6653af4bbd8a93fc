package nolatesttag

import data.lib.images
import data.lib.pods

violation[{"msg": msg}] {
	found := pods.judged[_]
	image := found.container.image
	not images.pinned(image)
	not images.tag(image)
	msg := sprintf("%v: image %v has no tag, which means latest; write the tag of a version, or a digest (%v@sha256:…)", [pods.named(found), image, image])
}

violation[{"msg": msg}] {
	found := pods.judged[_]
	image := found.container.image
	not images.pinned(image)
	images.tag(image) == input.parameters.tags[_]
	msg := sprintf("%v: image %v has a tag that moves from version to version; write the tag of a version, or a digest", [pods.named(found), image])
}
