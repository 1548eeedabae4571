# glmnet's Cox paths and cv.glmnet on the stored folds, cell by cell.
suppressPackageStartupMessages(library(glmnet))

.nonzero <- function(b) {
  b <- as.matrix(b)[, 1]; kept <- b[b != 0]
  list(names = as.list(names(kept)), coef = as.list(unname(kept)))
}

.cv <- function(fit, grouped = NULL) {
  index <- match(c(fit$lambda.min, fit$lambda.1se), fit$lambda)
  found <- list(lambda = fit$lambda, cvm = unname(fit$cvm), cvsd = unname(fit$cvsd),
                lambda_min = fit$lambda.min, lambda_1se = fit$lambda.1se)
  if (is.null(grouped)) return(found)
  chosen <- lapply(list(coef_min = fit$lambda.min, coef_1se = fit$lambda.1se), function(s) {
    b <- .nonzero(coef(fit, s = s)); c(b, n = length(b$coef))
  })
  c(list(grouped_effective = grouped), found, list(nzero = unname(fit$nzero),
    index_min_1based = index[1], index_1se_1based = index[2]), chosen)
}

.lambda_max <- function(x, time, event, orders)
  lapply(orders, function(o) glmnet(x[o, ], Surv(time[o], event[o]), family = "cox")$lambda[1])

.quirk <- function(asked, data, x) {
  n <- seq_len(nrow(data)); event <- data$event
  orders <- list(as_is = n, events_first = order(-event), censored_first = order(event),
                 reversed = rev(n))
  list(lambda_max_by_row_order_raw = .lambda_max(x, data$time, event, orders),
       lambda_max_by_row_order_scaled = .lambda_max(x, data$time / 1000, event, orders),
       note = asked$note)
}

.cell <- function(asked, data, x, fold) {
  if (is.null(asked$coef_at)) return(.quirk(asked, data, x))
  y <- Surv(data[[asked$time]] / asked$time_divided_by, data$event)
  settings <- list(x = x, y = y, family = "cox", alpha = asked$alpha, thresh = asked$thresh,
                   standardize = asked$standardize, maxit = 1e8)
  path <- c(settings, nlambda = asked$nlambda_requested,
            lambda.min.ratio = asked$lambda_min_ratio)
  fit <- do.call(glmnet, path)
  cv <- function(settings, ...) do.call(cv.glmnet, c(settings, list(foldid = fold, ...)))
  # cv.glmnet itself takes the grouped deviance where folds are small.
  large <- nrow(x) / max(fold) >= 10
  makes <- list(
    cv_grouped = function() .cv(cv(path), TRUE),
    cv_ungrouped = function() .cv(cv(path, grouped = FALSE), !large),
    cv_grouped_lambda_supplied = function() .cv(cv(settings, lambda = fit$lambda), TRUE),
    cv_C = function() .cv(cv(path, type.measure = "C")))
  at <- unlist(lapply(asked$coef_at, `[[`, "index_1based"))
  at <- at[at <= length(fit$lambda)]
  c(asked[c("time", "time_divided_by", "standardize", "alpha", "thresh", "nlambda_requested",
            "lambda_min_ratio")],
    list(lambda = fit$lambda, df = unname(fit$df), dev_ratio = fit$dev.ratio,
         nulldev = fit$nulldev),
    lapply(makes[intersect(names(makes), names(asked))], function(make) make()),
    list(coef_at = lapply(at, function(i)
      c(list(index_1based = i, lambda = fit$lambda[i]), .nonzero(fit$beta[, i, drop = FALSE])))))
}

answer <- function(folder, set, asked) {
  data <- read.csv(file.path(folder, asked$input), check.names = FALSE)
  x <- as.matrix(data[unlist(asked$columns)]); fold <- unlist(asked$foldid)
  list(dataset = set, input = asked$input, quantity = "lasso_cox",
       meta = versions(c("survival", "glmnet")), columns = asked$columns, foldid = asked$foldid,
       note = asked$note, cells = lapply(asked$cells, .cell, data = data, x = x, fold = fold))
}
