"""Speed, measured against what PostgreSQL and Kafka do without us: `python -m bench [row …]`.

Every row runs on a real PostgreSQL (and Kafka, where it takes part) in a temporary folder, with its programs as
processes of their own. Ours and theirs alternate (A B A B …), because the speed of a shared machine drifts: read
ratios, and processor milliseconds, which drift least.
"""
