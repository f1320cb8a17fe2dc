"""Korean puts “오전” before the hour; Django's own formats put it behind."""

TIME_FORMAT = "A g:i"
DATETIME_FORMAT = "Y년 n월 j일 A g:i"
