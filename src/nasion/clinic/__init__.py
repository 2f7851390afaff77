"""What faces may show of a state or a condition: research code, each part with its limits. No part diagnoses."""
