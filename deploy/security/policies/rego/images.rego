package lib.images

# The image with the registry that a container runtime takes where none is named: nginx is docker.io/library/nginx.
full(image) = image {
	names_registry(image)
	not startswith(image, "docker.io/")
	not startswith(image, "index.docker.io/")
}

full(image) = text {
	names_registry(image)
	rest := regex.replace(image, `^(index\.)?docker\.io/`, "")
	rest != image
	text := concat("", ["docker.io/", in_library(rest)])
}

full(image) = text {
	not names_registry(image)
	text := concat("", ["docker.io/", in_library(image)])
}

# The part before the first slash is a registry when it could be a host: a dot, a port, or localhost.
names_registry(image) {
	regex.match(`^([^/]*[.:][^/]*|localhost)/`, image)
}

in_library(path) = path {
	contains(path, "/")
}

in_library(path) = text {
	not contains(path, "/")
	text := concat("", ["library/", path])
}

# A digest names one image for ever; a tag beside it is only a comment.
pinned(image) {
	regex.match(`@[a-z0-9]+([+._-][a-z0-9]+)*:[0-9a-fA-F]{32,}$`, image)
}

# The tag, which stands in the last part of the path: in reg:5000/app the colon is a port's. No tag means latest.
tag(image) = text {
	parts := split(split(image, "@")[0], "/")
	text := split(parts[count(parts) - 1], ":")[1]
}
