"""What to do on the day of a loss with a backup of Velero: ordered steps, exact commands of kubectl."""
