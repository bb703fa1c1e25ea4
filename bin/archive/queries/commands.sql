WITH commands AS (
  SELECT * FROM (
    SELECT *, row_number() OVER (PARTITION BY event_id ORDER BY event_hash) AS copy
    FROM events
    WHERE dt >= :from_date AND ts >= :from
      AND event_kind IN ('command.result', 'command.refused')
      AND (:principal = '' OR principal = :principal)
      AND (:object = '' OR contains(objects, :object))
      AND (:env = '' OR target_env = :env)
  ) AS copies
  WHERE copy = 1
)
