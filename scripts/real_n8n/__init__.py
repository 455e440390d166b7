"""FlowMastery against a real n8n: what `scripts/real-n8n` runs. Standard library only."""
