-- What principals touched now and never in the ninety days before
SELECT principal, target_name, obj, min(ts) AS first_ts
FROM commands CROSS JOIN UNNEST(objects) AS o (obj)
WHERE outcome <> 'refused' AND (:object = '' OR obj = :object)
GROUP BY principal, target_name, obj
HAVING min(ts) >= :since
ORDER BY principal, target_name, obj
