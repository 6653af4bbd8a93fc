"""Plans, states and outcomes, for people and for programs."""
