import "./src/root";
