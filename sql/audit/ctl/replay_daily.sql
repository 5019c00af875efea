-- Every count that is kept.
SELECT day, action, kind, word, n FROM daily ORDER BY day, action, kind, word
