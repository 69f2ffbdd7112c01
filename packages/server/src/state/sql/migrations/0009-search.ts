/** Full-text search. The words are folded before they come here; the engines only look them up. */
import type { Migration } from '../migrate.ts';

export const search: Migration = {
  version: 9,
  name: 'search',
  statements: (ddl) => {
    const { text, int, real, end } = ddl;
    const sqlite = end !== '';
    const id = sqlite ? 'integer primary key' : 'bigint generated always as identity primary key';
    const vector = sqlite ? '' : ", vector tsvector generated always as (to_tsvector('simple', terms)) stored";
    return [
      `create table search_assets (
        asset_id ${text} primary key,
        wanted ${int} not null,
        indexed ${int} not null
      )${ddl.clustered}`,
      `create index search_assets_outdated on search_assets (asset_id) where indexed < wanted`,
      `create table search_documents (
        id ${id},
        asset_id ${text} not null,
        kind ${text} not null,
        principal ${text},
        start_s ${real},
        end_s ${real},
        text ${text} not null,
        marks ${text} not null,
        terms ${text} not null
        ${vector}
      )${end}`,
      `create index search_documents_asset on search_documents (asset_id)`,
      ...(sqlite ? sqliteIndex : [`create index search_documents_vector on search_documents using gin (vector)`]),
      `insert into search_assets (asset_id, wanted, indexed) select id, 1, 0 from assets`,
    ];
  },
};

/** FTS5 without a copy of the text, kept in step by triggers: https://www.sqlite.org/fts5.html#external_content_tables. */
const sqliteIndex = [
  `create virtual table search_terms using fts5(terms, content='search_documents', content_rowid='id', tokenize='unicode61 remove_diacritics 0')`,
  `create trigger search_documents_added after insert on search_documents begin
    insert into search_terms (rowid, terms) values (new.id, new.terms);
  end`,
  `create trigger search_documents_removed after delete on search_documents begin
    insert into search_terms (search_terms, rowid, terms) values ('delete', old.id, old.terms);
  end`,
];
