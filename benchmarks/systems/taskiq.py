"""taskiq: on Redis streams, which are acked, or on RabbitMQ by aio-pika."""

import asyncio
import sys
from contextlib import contextmanager
from datetime import UTC, datetime

from taskiq import TaskiqScheduler

from . import PROCESSES, AsyncProducer, broker, queue, url, work

GUARANTEE = "at least once; from RabbitMQ at once, from Redis after ten minutes"
SETTINGS = "uvloop, 100 coroutines a process, acked after the run; no results; JSON; RabbitMQ: always confirmed"


def make_redis_broker():
    from taskiq_redis import RedisStreamBroker

    return RedisStreamBroker(url=url(), queue_name=queue(), consumer_group_name=queue())


def make_rabbitmq_broker():
    from taskiq_aio_pika import AioPikaBroker, Exchange, Queue

    return AioPikaBroker(
        url(),
        qos=100,
        exchange=Exchange(name=queue()),
        task_queues=[Queue(name=queue())],
        dead_letter_queue=Queue(name=f"{queue()}.dead_letter"),
    )


taskiq_broker = make_redis_broker() if broker() == "redis" else make_rabbitmq_broker()


@taskiq_broker.task(task_name="job")
async def job(note: int) -> None:
    work(note)


def make_source():
    from taskiq.serializers import JSONSerializer
    from taskiq_redis import ListRedisScheduleSource

    return ListRedisScheduleSource(url(), serializer=JSONSerializer())


source = make_source() if broker() == "redis" else None
scheduler = TaskiqScheduler(taskiq_broker, [source] if source else [])


class Producer(AsyncProducer):
    async def add(self, note):
        await job.kiq(note)

    async def add_later(self, note, at):
        await job.schedule_by_time(source, datetime.fromtimestamp(at, UTC), note)


@contextmanager
def producer():
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(taskiq_broker.startup())
        yield Producer(runner.get_loop())
        runner.run(taskiq_broker.shutdown())


def commands():
    words = f"-m taskiq worker systems.taskiq:taskiq_broker -w {PROCESSES} --log-level ERROR --no-parse"
    return [[sys.executable, *words.split()]]


def keepers():
    return [[sys.executable, *["-m", "taskiq", "scheduler", "systems.taskiq:scheduler", "--log-level", "ERROR"]]]
