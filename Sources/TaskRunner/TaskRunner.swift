// Hands tasks to runtime plugins; knows files and limits, not jobs.
