"""Game days: a team walks through the loss of something, with a stopwatch and the runbooks."""
