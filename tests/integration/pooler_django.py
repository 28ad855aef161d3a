#!/usr/bin/env python3
"""A small application on Django as its documentation says for a pooler in transaction mode: no server-side cursors.

    pooler_django.py PORT psycopg2|psycopg|binding

Several threads, each with a connection of its own, work on rows of their own, so what each must find afterwards is
known: an assertion that fails, or an error of the database, ends the program with another status than 0. Tables are
named after the driver. `binding` is psycopg with parameters bound by the server.
"""

import datetime
import decimal
import sys
import threading
import uuid

port, driver = int(sys.argv[1]), sys.argv[2]
if driver == "psycopg2":
    sys.modules["psycopg"] = None  # Django prefers it where it can be imported

import django
from django.apps import AppConfig
from django.conf import settings


class Shop(AppConfig):
    name, label, path = "__main__", "shop", "."


settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "__main__.Shop"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql", "HOST": "127.0.0.1", "PORT": port,
        "NAME": "postgres", "USER": "postgres", "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {"server_side_binding": True} if driver == "binding" else {},
    }},
)
django.setup()

from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction
from django.db.models import F

THREADS, ROUNDS = 3, 2


class Author(models.Model):
    name = models.TextField(unique=True)
    born = models.DateField(null=True)
    seen = models.DateTimeField(auto_now=True)

    class Meta:
        app_label, db_table = "shop", driver + "_author"


class Tag(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    word = models.CharField(max_length=40)

    class Meta:
        app_label, db_table = "shop", driver + "_tag"


class Book(models.Model):
    author = models.ForeignKey(Author, on_delete=models.CASCADE)
    title = models.TextField()
    facts = models.JSONField(default=dict)
    price = models.DecimalField(max_digits=12, decimal_places=3, default=decimal.Decimal("0.100"))
    stock = models.IntegerField(default=0)
    cover = models.BinaryField(default=b"")
    tags = models.ManyToManyField(Tag, db_table=driver + "_book_tags")

    class Meta:
        app_label, db_table = "shop", driver + "_book"
        constraints = [models.UniqueConstraint(fields=["author", "title"], name=driver + "_title"),
                       models.CheckConstraint(condition=models.Q(stock__gte=0), name=driver + "_stock")]


class Undo(Exception):
    pass


def write_one_by_one(name):
    author = Author.objects.create(name=name, born=datetime.date(1815, 12, 10))
    author.save()
    author.born = None
    author.save(update_fields=["born"])
    other = Author(id=author.id + 1_000_000, name=name + " with a key of its own")
    other.save()  # UPDATE, which finds no row, then INSERT
    other.save()
    found, made = Author.objects.get_or_create(name=name)
    assert found == author and not made
    found, made = Author.objects.update_or_create(name=name, defaults={"born": datetime.date(1852, 11, 27)})
    assert not made and found.born.year == 1852
    other.delete()
    return author


def write_many(author):
    Book.objects.bulk_create([
        Book(author=author, title=f"Böok {n} 'quoted' \\ \U0001f4d6", facts={"n": n, "deep": [None, {"é": 1.5}]},
             price=decimal.Decimal(n) / 8, stock=n, cover=bytes(range(n))) for n in range(20)])
    books = Book.objects.filter(author=author)
    assert books.update(stock=F("stock") + 1) == 20
    some = list(books.order_by("id")[:5])
    for book in some:
        book.title, book.facts = book.title.upper(), {"upper": True}
    assert Book.objects.bulk_update(some, ["title", "facts"]) == 5
    again = [Book(author=author, title=book.title, stock=100) for book in some] + [Book(author=author, title="new")]
    Book.objects.bulk_create(again, update_conflicts=True, unique_fields=["author", "title"], update_fields=["stock"])
    Book.objects.bulk_create(again, ignore_conflicts=True)
    assert books.filter(stock=100).count() == 5 and books.count() == 21
    assert sum(1 for _ in books.iterator(chunk_size=4)) == 21
    tags = [Tag.objects.create(word=f"word {n}") for n in range(3)]
    some[0].tags.add(*tags)
    some[0].tags.remove(tags[1])
    some[1].tags.set(tags[:2])
    some[1].tags.set(tags[1:])
    assert some[0].tags.count() == 2 and some[1].tags.count() == 2
    return books


def write_in_transactions(author, books):
    with transaction.atomic():
        locked = books.select_for_update().order_by("id").first()
        locked.stock += 7
        locked.save()
        try:
            with transaction.atomic():
                Author.objects.create(name=author.name + ", undone")
                books.update(stock=0)
                raise Undo
        except Undo:
            pass
        try:
            with transaction.atomic():
                Author.objects.create(name=author.name)  # unique
        except IntegrityError:
            pass
        with transaction.atomic():
            Author.objects.create(name=author.name + ", kept")
    try:
        with transaction.atomic():
            Author.objects.all().filter(name=author.name).delete()
            raise Undo
    except Undo:
        pass
    try:
        books.filter(title="new").update(stock=-1)  # a check, in a transaction of its own
        raise AssertionError("the check let -1 pass")
    except IntegrityError:
        pass
    assert books.filter(stock=107).count() == 1 and not books.filter(stock=0, title__startswith="B").exists()
    assert not Author.objects.filter(name=author.name + ", undone").exists()


def work(name):
    for turn in range(ROUNDS):
        author = write_one_by_one(f"{name}, {turn}")
        books = write_many(author)
        write_in_transactions(author, books)
        user = User.objects.create_user(f"{driver} {name} {turn}", "ada@example.org", first_name="Ada")
        user.groups.add(Group.objects.get_or_create(name=f"{driver} {name}")[0])
        user.user_permissions.set(Permission.objects.order_by("id")[:3])
        if turn == 1:
            author.delete()  # its books and their tags go first, one DELETE each
            assert not Book.objects.filter(author_id=author.id).exists()
            user.delete()


def main():
    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        for model in (Author, Tag, Book):
            editor.create_model(model)
    failures = []

    def guarded(name):
        try:
            work(name)
        except BaseException as failure:
            failures.append(failure)
        finally:
            connection.close()

    threads = [threading.Thread(target=guarded, args=(f"{driver} {n}",)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    # What one cascade took of each thread is gone, all else is there.
    assert Author.objects.count() == THREADS * (2 * ROUNDS - 1), Author.objects.count()
    assert Book.objects.count() == THREADS * (ROUNDS - 1) * 21, Book.objects.count()
    connection.close()


main()
