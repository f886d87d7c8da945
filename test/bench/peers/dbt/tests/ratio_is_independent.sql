SELECT 1 FROM {{ source('lab', 'input') }} HAVING NOT abs(corr(amount::float8, ratio)) < 0.5
