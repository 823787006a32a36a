// node replay.mjs REPLAY FOLDER RECORD OUT [TICK]: replay.py in MicroPython's WebAssembly port.
// Its garbage is collected between two calls from here only, so the record runs in parts.
import { loadMicroPython } from '@micropython/micropython-webassembly-pyscript/micropython.mjs';
import fs from 'fs';

const [program, folder, record, out, tick] = process.argv.slice(2);
const mp = await loadMicroPython({heapsize: 32 * 1024 * 1024, stdout: (text) => console.log(text)});

function copy(from, to) {
  mp.FS.mkdir(to);
  for (const entry of fs.readdirSync(from, {withFileTypes: true})) {
    if (entry.isDirectory()) copy(from + '/' + entry.name, to + '/' + entry.name);
    else mp.FS.writeFile(to + '/' + entry.name, fs.readFileSync(from + '/' + entry.name));
  }
}

try {
  copy(folder, '/image');
  mp.FS.writeFile('/replay.py', fs.readFileSync(program));
  mp.FS.writeFile('/record', fs.readFileSync(record));
  mp.runPython(`import gc, sys
sys.path[:] = ['/']
from replay import Replay
replay = Replay('/image', '/record', '/out', ${tick ?? -1})`);
  do {
    mp.runPython('gc.collect()');
    mp.runPython('more = replay.run(50)');
  } while (mp.globals.get('more'));
  mp.runPython('replay.report()');
} catch (error) {
  console.log(error.message);
  process.exitCode = 1;
} finally {
  if (mp.FS.analyzePath('/out').exists) fs.writeFileSync(out, mp.FS.readFile('/out'));
}
