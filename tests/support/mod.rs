//! What integration tests share: a database per test on each engine, and things with defaults.

pub(crate) mod database;
pub(crate) mod things;

pub(crate) use database::Database;

/// Makes a test of each function, an `async fn(Database)`, on each engine: `sqlite::name` and `postgres::name`.
macro_rules! on_each_engine {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test]
            fn $name() {
                $crate::support::database::on_sqlite(super::$name);
            })+
        }
        mod postgres {
            $(#[test]
            fn $name() {
                $crate::support::database::on_postgres(super::$name);
            })+
        }
    };
}
pub(crate) use on_each_engine;
