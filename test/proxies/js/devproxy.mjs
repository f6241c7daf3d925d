// A proxy like those of development servers: http-proxy-middleware behind the middleware compression, both with their defaults.
// node devproxy.mjs PORT TARGET
import compression from 'compression';
import express from 'express';
import {createProxyMiddleware} from 'http-proxy-middleware';

const [port, target] = process.argv.slice(2);
const proxy = createProxyMiddleware({target, ws: true});
const app = express();
app.use(compression());
app.use(proxy);
const server = app.listen(Number(port), '127.0.0.1');
server.on('upgrade', proxy.upgrade);
