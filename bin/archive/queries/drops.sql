-- Every DROP that ran: who, where, and with whose approval
SELECT ts, principal, target_name, target_env, decision, approver, approval_id, outcome, statement
FROM commands
WHERE contains(verbs, 'drop') AND outcome <> 'refused'
ORDER BY ts, event_id
