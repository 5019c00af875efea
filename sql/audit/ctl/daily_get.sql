-- One count of a day.
SELECT n FROM daily WHERE day = :day AND action = :action AND kind = :kind AND word = :word
