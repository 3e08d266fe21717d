-- Generated from stream/headrace/dead_letters/filters.py by python -m deploy.permissions; do not edit.
SELECT IF(COUNT(*) = 0, 0, ERROR('dead letters are open for more than ${days} days')) AS open_letters
FROM (
SELECT letter.*, CASE fact.action WHEN 'replayed' THEN 'replayed' WHEN 'discarded' THEN 'discarded' ELSE 'open' END AS state, edit.letter_id IS NOT NULL AS edited
FROM (
    SELECT letter_id, attempt, MAX_BY(refused_at, collected_at) AS refused_at, MAX_BY(reason, collected_at) AS reason, MAX_BY(stage, collected_at) AS stage, MAX_BY(detail, collected_at) AS detail, MAX_BY(subject, collected_at) AS subject, MAX_BY(event_id, collected_at) AS event_id, MAX_BY(claimed, collected_at) AS claimed, MAX_BY(source, collected_at) AS source, MAX_BY(bytes, collected_at) AS bytes, MAX_BY(message_id, collected_at) AS message_id, MAX_BY(published_at, collected_at) AS published_at, MAX_BY(first_published_at, collected_at) AS first_published_at, MAX_BY(source_subscription, collected_at) AS source_subscription, MAX_BY(pipeline, collected_at) AS pipeline, MAX_BY(version, collected_at) AS version FROM `${project}.${archive}.letters`
    WHERE refused_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 90 DAY) AND piece = 1 GROUP BY letter_id, attempt
) AS letter
JOIN (
    SELECT letter_id, MAX(attempt) AS attempt FROM `${project}.${archive}.letters` WHERE refused_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 90 DAY) GROUP BY letter_id
) AS last ON last.letter_id = letter.letter_id AND last.attempt = letter.attempt
LEFT JOIN (
    SELECT letter_id, attempt, MAX_BY(action, done_at) AS action FROM `${project}.${archive}.facts`
    WHERE action IN ('replayed', 'discarded', 'reopened') GROUP BY letter_id, attempt
) AS fact ON fact.letter_id = letter.letter_id AND fact.attempt = letter.attempt
LEFT JOIN (SELECT DISTINCT letter_id, attempt FROM `${project}.${archive}.facts` WHERE action = 'edited') AS edit
    ON edit.letter_id = letter.letter_id AND edit.attempt = letter.attempt
)
WHERE state = 'open' AND refused_at < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL ${days} DAY)
