"""The peer of bench-score: fraud scoring as a careful user writes it without a platform.

FastAPI and uvicorn take the request, Redis keeps each customer's and terminal's
recent transactions in sorted sets, Python computes the windows, XGBoost predicts,
and the transaction is added to the sets after it is scored. Two round trips to
Redis a request, both pipelined; hiredis parses the answers.

Run by bench/score.sh: REDIS_PORT, MODEL are in the environment.
"""
import os

import numpy as np
import redis.asyncio as redis
import xgboost
from fastapi import FastAPI
from pydantic import BaseModel

DAY = 86_400
WINDOWS = (DAY, 7 * DAY, 30 * DAY)
DELAY = 7 * DAY

app = FastAPI()
store = redis.Redis(port=int(os.environ["REDIS_PORT"]))
booster = xgboost.Booster(model_file=os.environ["MODEL"])
booster.set_param({"nthread": 1})


class Transaction(BaseModel):
    transaction_id: int
    at_us: int  # microseconds since 1970, UTC
    customer_id: int
    terminal_id: int
    tx_amount: float


def window_means(rows, end, floor, empty):
    """Count and mean of the values in (end-w, end] for each window; rows are (member, score)."""
    out = []
    for window in WINDOWS:
        values = [float(member.split(b":")[1]) for member, score in rows if end - window < score <= end]
        out += [floor + len(values), (sum(values) / len(values)) if values else empty]
    return out


@app.post("/score")
async def score(tx: Transaction):
    at = tx.at_us / 1e6
    pipe = store.pipeline(transaction=False)
    customer, terminal = f"c:{tx.customer_id}", f"t:{tx.terminal_id}"
    pipe.zrangebyscore(customer, f"({at - WINDOWS[-1]}", at, withscores=True)
    pipe.zrangebyscore(terminal, f"({at - DELAY - WINDOWS[-1]}", at - DELAY, withscores=True)
    spent, risk = await pipe.execute()
    spent.append((b"0:%f" % tx.tx_amount, at))
    by_customer = window_means(spent, at, 0, 0.0)
    by_terminal = window_means(risk, at - DELAY, 0, 0.0)
    days = int(at // DAY)
    row = [tx.tx_amount, float((days + 3) % 7 >= 5), float(at % DAY // 3600 <= 6)]
    row += by_customer[0::2] + by_customer[1::2] + by_terminal[0::2] + by_terminal[1::2]
    probability = booster.inplace_predict(np.array([row], dtype=np.float32))[0]
    pipe = store.pipeline(transaction=False)
    pipe.zadd(customer, {f"{tx.transaction_id}:{tx.tx_amount}": at})
    pipe.zadd(terminal, {f"{tx.transaction_id}:0": at})
    await pipe.execute()
    return {"probability": float(probability)}
