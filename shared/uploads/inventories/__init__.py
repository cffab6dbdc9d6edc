"""Read files that other programs keep their platforms in: clouds.yaml, kubeconfig and others."""
