import { parentPort } from 'node:worker_threads';
import { answerJobs } from '../inspect/stretch-worker.ts';

// Bundled on its own: `inspect` starts it as a thread.
if (parentPort !== null) answerJobs(parentPort);
