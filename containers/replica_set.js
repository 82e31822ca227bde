// Makes the three MongoDB servers one replica set, once, and waits until it takes writes. For mongosh.
const MEMBERS = ["mongo-1", "mongo-2", "mongo-3"];
const ALREADY_INITIALIZED = 23;
const WAIT_MS = 500;
const ATTEMPTS = 120;

function attempt() {
  const first = connect("mongodb://mongo-1:27017/admin?directConnection=true");
  const members = MEMBERS.map((name, id) => ({ _id: id, host: `${name}:27017` }));
  try {
    first.adminCommand({ replSetInitiate: { _id: "pixelopolis", members } });
  } catch (error) {
    if (error.code !== ALREADY_INITIALIZED) throw error;
  }
  const set = connect(`mongodb://${MEMBERS.join(",")}/admin?replicaSet=pixelopolis`);
  if (!set.adminCommand({ hello: 1 }).isWritablePrimary) throw new Error("no primary yet");
}

for (let left = ATTEMPTS; ; left--) {
  try {
    attempt();
    print("The replica set takes writes.");
    break;
  } catch (error) {
    if (left === 0) throw error;
    sleep(WAIT_MS);
  }
}
