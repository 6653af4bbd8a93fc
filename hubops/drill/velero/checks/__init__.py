"""What a person would try after a restore, as drill.velero.checks says it: one module for each kind of check."""
