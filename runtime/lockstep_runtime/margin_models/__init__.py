"""Portfolio margin models as data, read by lockstep_runtime.presets; each file names its source."""
