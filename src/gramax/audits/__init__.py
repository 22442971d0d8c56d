"""From moments to a judged report: numbers with reasons, answers, diagnosis, headroom, logs."""
