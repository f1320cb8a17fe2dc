"""Many photos under one name: sent one by one or as a zip, watched, steered, tabulated as one."""
