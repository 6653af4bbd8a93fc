"""Real servers that hubops is tested against: a control plane, its metrics, alerts and logs, and faults to inject."""
