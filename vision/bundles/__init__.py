"""Model versions as folders of files, and what each has learnt from."""
