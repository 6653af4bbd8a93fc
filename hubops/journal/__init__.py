"""The journal: each run of a backup or drill, kept in the cluster that it is about; checks decide on it."""
