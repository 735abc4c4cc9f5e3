import express from "express";
import expressPouchdb from "express-pouchdb";
import PouchDB from "pouchdb";

/** express-pouchdb on LevelDB, with its log switched off. Argument: the folder. Prints its URL. */
const folder = process.argv[2];
const app = express();
app.use(
  "/",
  expressPouchdb(PouchDB.defaults({ prefix: `${folder}/` }), {
    mode: "minimumForPouchDB",
    inMemoryConfig: true,
    logPath: `${folder}/log.txt`,
  }),
);
const server = app.listen(0, "127.0.0.1", () => {
  process.stdout.write(`http://127.0.0.1:${server.address().port}\n`);
});
