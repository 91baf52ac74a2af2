"""How far a run is: from progress.json, or from the bars and epochs in its log and the counters in its metrics."""
