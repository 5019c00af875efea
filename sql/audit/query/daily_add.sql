-- What a turn adds to one count of a day.
INSERT INTO daily (day, action, kind, word, n) VALUES (:day, :action, :kind, :word, :n)
ON CONFLICT (day, action, kind, word) DO UPDATE SET n = n + excluded.n
