"""What would become of each component, asked of the cluster: nothing is written."""
