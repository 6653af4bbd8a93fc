"""`python -m tests.bench` (`make bench`): time and memory of a round on 1,000 nodes and 10,000 pods at rest."""
