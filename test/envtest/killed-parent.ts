import { findEnvtest } from './find.ts';
import { startKubeApiserver } from './kube-apiserver.ts';

// The process that kube-apiserver.real.test.ts kills: it starts a server and says where.
const programs = await findEnvtest();
if ('missing' in programs) throw new Error(programs.missing);
const { url } = await startKubeApiserver(programs.path);
process.send?.({ url });
