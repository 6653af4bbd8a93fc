package readonlyrootfilesystem

import data.lib.pods

# Ephemeral containers are for a person who looks for a fault, and end with the pod: they may write.
violation[{"msg": msg}] {
	found := pods.judged[_]
	found.list != "ephemeralContainers"
	not read_only(found.container)
	msg := sprintf("%v can write to its root file system; write securityContext.readOnlyRootFilesystem: true, and mount an emptyDir where it must write", [pods.named(found)])
}

read_only(container) {
	container.securityContext.readOnlyRootFilesystem == true
}
