-- A token's secret is removed.
UPDATE sign_in_token SET purged_at = :purged_at WHERE id = :id
