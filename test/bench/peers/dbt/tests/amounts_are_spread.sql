SELECT 1 FROM {{ source('lab', 'input') }} HAVING NOT (avg(amount) BETWEEN 400 AND 600 AND stddev(amount) < 400)
