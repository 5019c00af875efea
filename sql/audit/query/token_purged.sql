-- A token's secret is removed; not twice in one turn.
UPDATE sign_in_token SET purged_at = :purged_at WHERE id = :id AND purged_at IS NOT :purged_at
