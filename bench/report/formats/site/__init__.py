"""A static leaderboard: pages that open from disk or from any server, and load nothing else."""
