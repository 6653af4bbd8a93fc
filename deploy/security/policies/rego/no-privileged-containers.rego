package noprivilegedcontainers

import data.lib.pods

violation[{"msg": msg}] {
	found := pods.judged[_]
	found.container.securityContext.privileged == true
	msg := sprintf("%v is privileged: it can do on the node what root can; remove securityContext.privileged and add the capabilities that it needs", [pods.named(found)])
}
