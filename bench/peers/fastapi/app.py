"""FastAPI, the ORM of SQLAlchemy and asyncpg, as their documentation has it: response models, relationships loaded eagerly."""

import base64
import json
import time
from datetime import datetime, timezone
from decimal import Decimal
from typing import List, Optional

from fastapi import Depends, FastAPI, HTTPException, Query
from pydantic import BaseModel
from sqlalchemy import Boolean, Column, ForeignKey, Integer, Numeric, SmallInteger, Text, func, select, tuple_
from sqlalchemy import literal_column
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import declarative_base, joinedload, relationship, selectinload, sessionmaker

# Where the database is, the driver reads from PGHOST, PGPORT, PGUSER and PGDATABASE.
engine = create_async_engine("postgresql+asyncpg://", pool_size=10, max_overflow=0)
Session = sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
Base = declarative_base()


class Genre(Base):
    __tablename__ = "genres"
    id = Column(Integer, primary_key=True)
    name = Column(Text)


class Director(Base):
    __tablename__ = "directors"
    id = Column(Integer, primary_key=True)
    name = Column(Text)


class FilmGenre(Base):
    __tablename__ = "film_genres"
    film_id = Column(ForeignKey("films.id"), primary_key=True)
    genre_id = Column(ForeignKey("genres.id"), primary_key=True)
    position = Column(SmallInteger)
    genre = relationship(Genre)


class FilmVotes(Base):
    __tablename__ = "film_votes"
    film_id = Column(ForeignKey("films.id"), primary_key=True)
    rate_sum = Column(Integer)
    votes = Column(Integer)


class Film(Base):
    __tablename__ = "films"
    id = Column(Integer, primary_key=True)
    listed = Column(Boolean)
    name = Column(Text)
    original_name = Column(Text)
    director_id = Column(ForeignKey("directors.id"))
    rate = Column(Numeric(asdecimal=False))
    year = Column(SmallInteger)
    minutes = Column(SmallInteger)
    description = Column(Text)
    trailer = Column(Text)
    poster_url = Column(Text)
    created_at = Column(TIMESTAMP(timezone=True))
    updated_at = Column(TIMESTAMP(timezone=True))
    director = relationship(Director)
    film_genres = relationship(FilmGenre, order_by=FilmGenre.position)
    scores = relationship(FilmVotes, uselist=False)

    @property
    def genres(self):
        return [each.genre.name for each in self.film_genres]

    @property
    def genre(self):
        return self.film_genres[0].genre.name if self.film_genres else None

    @property
    def kinopoisk_id(self):
        return self.id if self.id < 1_000_000_000 else None

    @property
    def user_votes(self):
        return self.scores.votes if self.scores else 0

    @property
    def user_rate(self):
        return round(self.scores.rate_sum / self.scores.votes, 2) if self.user_votes else None


def write_time(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


class DirectorOut(BaseModel):
    id: int
    name: str

    class Config:
        orm_mode = True


class FilmOut(BaseModel):
    id: int
    name: str
    original_name: Optional[str]
    genre: Optional[str]
    genres: List[str]
    director_id: Optional[int]
    director: Optional[DirectorOut]
    rate: Optional[float]
    year: Optional[int]
    minutes: Optional[int]
    description: Optional[str]
    trailer: Optional[str]
    poster_url: Optional[str]
    kinopoisk_id: Optional[int]
    user_rate: Optional[float]
    user_votes: int
    created_at: datetime
    updated_at: datetime

    class Config:
        orm_mode = True
        json_encoders = {datetime: write_time}


class PageOut(BaseModel):
    items: List[FilmOut]
    total: int
    limit: int
    page: Optional[int]
    pages: int
    next_cursor: Optional[str]

    class Config:
        orm_mode = True
        json_encoders = {datetime: write_time}


app = FastAPI()
whole = (joinedload(Film.director), joinedload(Film.scores), selectinload(Film.film_genres).joinedload(FilmGenre.genre))
by_rate = func.coalesce(-Film.rate, literal_column("99"))
totals = {}


async def session():
    async with Session() as opened:
        yield opened


async def count(db, name, conditions):
    """How many films a filter has, kept for ten seconds."""
    known = totals.get(name)
    if known and known[0] > time.monotonic():
        return known[1]
    total = await db.scalar(select(func.count()).select_from(Film).where(*conditions))
    if len(totals) >= 1000:
        totals.clear()
    totals[name] = (time.monotonic() + 10, total)
    return total


def read_cursor(cursor):
    return json.loads(base64.urlsafe_b64decode(cursor + "=="), parse_float=Decimal)


@app.get("/films/{id}", response_model=FilmOut)
async def get_film(id: int, db: AsyncSession = Depends(session)):
    film = await db.scalar(select(Film).where(Film.id == id).options(*whole))
    if film is None:
        raise HTTPException(404)
    return film


@app.get("/films", response_model=PageOut)
async def list_films(
    limit: int = Query(20, ge=1, le=100),
    genre: Optional[str] = None,
    min_rate: Optional[Decimal] = None,
    year_from: Optional[int] = None,
    sort: str = "id",
    cursor: Optional[str] = None,
    db: AsyncSession = Depends(session),
):
    conditions = [Film.listed]
    if genre is not None:
        wanted = select(Genre.id).where(func.lower(Genre.name) == func.lower(genre)).scalar_subquery()
        conditions.append(Film.id.in_(select(FilmGenre.film_id).where(FilmGenre.genre_id == wanted)))
    if min_rate is not None:
        conditions.append(by_rate <= -min_rate)
    if year_from is not None:
        conditions.append(Film.year >= year_from)
    key = by_rate if sort == "-rate" else Film.id
    query = select(Film).where(*conditions)
    if cursor is not None:
        query = query.where(tuple_(key, Film.id) > tuple_(*read_cursor(cursor)))
    rows = (await db.scalars(query.order_by(key, Film.id).limit(limit + 1).options(*whole))).all()
    items = rows[:limit]
    more = len(rows) > limit
    total = await count(db, (genre, min_rate, year_from), conditions) if more or cursor else len(items)
    last = items[-1] if more else None
    position = last and [-last.rate if last.rate is not None else 99, last.id] if sort == "-rate" else last and [last.id, last.id]
    return {
        "items": items,
        "total": total,
        "limit": limit,
        "page": None if cursor else 1,
        "pages": -(-total // limit),
        "next_cursor": position and base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("="),
    }
