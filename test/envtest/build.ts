import { findEnvtest } from './find.ts';

// `make envtest`: prints where the programs are, or says why there are none and ends with exit code 1.
const found = await findEnvtest();
if ('path' in found) console.log(found.path);
else {
  console.error(found.missing);
  process.exitCode = 1;
}
